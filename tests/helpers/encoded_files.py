"""Small files of kinds that neither Pillow nor OpenCV can write, made with imagecodecs."""

import base64
import zlib

_PACKED = {
    "gray12": (
        "c-"
        "s4a<NpH&0WUXCHwH#V1_nkTWcYuZ!I^=Xi3x;&fCY$HIapa)SXjB(+1WUFxOjNDxwyG``Gf>``2_j6xdp@o1cgOJ"
        "MMZh|#U;c<B!omnMgAXT;O1cvV31&B6lC~+gh3Q+J~H6p1qzD@pos#lzs0}-QftpJHKZ``Xu4?ciuREIHvw#t7|H"
    ),
    "rgb12": (
        "c-"
        "s4a<NpH&0WUXCHwH#V1_nkTWcYuZ!I^=Xi3x;&fCY$HIapa)SXjB(+1WUFxOjNDxwyG``Gf>``2_j6xdp@o1cgOJ"
        "MMZh|#U;c<B!omnML>oyG6VInuyV4pa*FVB^NNrR{vTuz<Y5qCkYHw1Vqg+vWEN!ne}qATfq{vc0R`{?T?3R65ny"
        "CM13*!6Mh0e7aSl#y9-"
        "xG&Ajl*(afF13sIZtggOG%zbTSJY2PYS|jFO6~hLf|4TWVTH=Cb9_p8vnazymamNsw8P!JZ+u=HaVjmQ(A!_U+7V"
        "mPyiT3u19`-WHHmxZuaM7PlUi$6sdl>-"
        "XL+6%D#{ps+frL+4=Xip*P1XD&(JIjblvtPy?X$n`+xHqQ<GZ`qDpFH2s+KIfm+^Q-EuXZ_Qvqxb*62>>osRh$"
    ),
    "lossless8": (
        "c-s4a<NrGbKF5^&q*R6!1`zmvm_d+(L4ZMmIY^MfU68>^km3Ik25|;PAYecS9PDiWZ!z#N2Qj!aI57a_?mz$ehk-"
        "$W^&bNR6T|)kAT^8(@eddn6uAF@bx>D|``>?{01G371CZKe=63?3ng!%arV}@<6~KH40Tv+1t(@|v0ixeQ07&WdP"
        "TmBTrbIjY|C<0sWII^"
    ),
    "lossless16": (
        "c-"
        "s4a<NpH&0WUXCHwH#V1_nkTWcYuWfm?t<fI)(hQIO&P5e5mM6eCC$0r>eC1^(Y+;9vx6_`tPl1rRZiO7SrqNnu#E"
        "nt^2M|4jfE5;t-"
    ),
    "ycck": (
        "c-s4a<NrGbKF5^&q*R6!1|VSif1AOXfe{rj!AT|<U}k1v1_2-"
        "o$Y22hCT3Pv78X_z6J!WNFB1zh6GRC~;Qs*z5e^0c1_>5MB?cxzMrJ`q7A1!NM;PQ87#LY0rZYeRBhUg?Hg*n9E^"
        "eTLtpW^8j6k=sfL#QXtp&<6un4jWDH=Mm2?r*!D;0_uHBMZ}q3pErplHy=4=Tn<MNOPsV&W2#QmSg|8k$-"
        "rre@|AmR8O#u5Rugo?gKrp<&?>kx|JhscGpMnOVgprDf$6l~v6xt!?ccon4bAPnkMx`iz;g7A;<~blLJ1D_3pWyk"
        "+aQ?K^hvI&}ER(PPI?oIG{u@|COCuHU$M>*1rvPo6$|{^I4UkDoq&`TFhqkDtFl{$gZchKD&;e+dHp#l*tG%)$=x"
        "7b8<SNP!>=tD+&BkYgZwVxh2-"
        "Q6q<l)5L`v4{|CS2YnDtD!Rxereg9?^&`k@V4o4^u_m&72KN}kU$+?eSQvrv2XrR`gFVCF8S9_z+uvRFpP|0%-"
        "@gynU!MKXAn^J1{*T>%lV8i7|ChXXzW(NK^S^Rh-"
        "=BZ#+Ur`o@NZfl&i@Jg{!c0X{eOmQ_rGrcE&b*{LrSgxZ{^?Nzi-aJX1DS0^8XBew$nHKXPCb4`uF<#M@7PaFke6"
        "PCHxb=YyDaOKhgUC8NxUJXE5FWpMih=r2h;@UF=`=|7SSU{-2>@{`-%v^$cIa|K9`v&zBjF"
    ),
    "jpegls": (
        "c-s4a<Npf=h2Q{BH#Y_*1_nk31_l8jmf+%G1F{))Kp3ck11QG$|Hl9C4BQ+*1rm&mf(-v}F>o+~G%);OU|?Gm-"
        "oU_c#Vcsls#j?r<CoQmf7svpNB<Cui;D|TYtE`p749XIJeewg#2@+xkvs7JCIAUrDBJ"
    ),
    "jp2_1_1": (
        "c-s5#|38pHlK}(-fS8E^0Z{pj42+EbgBW<gOa>Mf2FCv}3@i>D|5F%L85o_5QWHy3QxuXa75ocQ^SlCF-"
        "4)7Gi;6Sz^AwEqO!Z9uPhj8zn<EU=IQe1&$Al;UZvp^=5gIZ"
    ),
    "jp2_1_2": (
        "c-"
        "s5#|38pHhXDixfS8E^0Z{o&42+CG^goD!2gqY&U|?ZkVEiA$z~aF1KZQY+fzi1rHL)Z$MIotD!M`9i&nv*yU7;+s"
        "s5mn}Pr*pfRL|u91O_g!QIbH7lP@-KOn7pMLGGWN{QsK(E)yJS"
    ),
    "jp2_1_3": (
        "c-"
        "s5#|38pHp8*5}fS8E^0Z{qO42+Br^goD!2Pgn!v#>BQ{*Pf`ap3r$!l25)=v<VVSdyBekW{JQUyz#T72xWwP?lO$"
        "oSC1eV5DcNXYzjn0~gpdC7{O17aKSxieF~nsHs;xD}SkhV}jj*{{J@tH*g=^"
    ),
    "jp2_1_4": (
        "c-"
        "s5#|38qyhyeryfS8E^0Z{oY42+C$^goD!2Pnn}6b6d_k6~bO;P{`ypvu7LT$GwvlA5BBRH@)!kecTe;OeeWmReMt"
        "nV+X%q-UyU@_zyY7uZ0c;{TH`HgHUMa*09ipPc+929DauN+3DmsOJBh0IUrm0s"
    ),
    "jp2_4_1": (
        "c-s5#|38pHlK}(-fS8E^0Z{pj%#4ixgBW-~Oa=xP76!)uF$^pY3jb3WR2dkZi&7IyQd1O?Di!<-QuDk5T-"
        "_DQQj3Z+^Yavp^i1_k{!d`w0-GZT)HwOR!UfK7l_dA5#%MF04WG{azX<@Z)E<u"
    ),
    "jp2_4_2": (
        "c-"
        "s5#|38pHhXDixfS8E^0Z{o&%#4gc^goD!2gqY&U|?ZkVEiA$z~Z3rKZQY+fzi1rHL)Z$MIotD!M`9i&nv*yU7;+s"
        "s5mn}Pr*pfRL|u91O_g!Q3gPblkY2B;0#wua*t|^Hq+Vg>D+yV5Ayt{70gd$UI@Guvg5B$<^P)iD(@%b"
    ),
    "jp2_4_3": (
        "c-"
        "s5#|38pHp8*5}fS8E^0Z{qO%#4f>^goD!2PnYE$iTwF!1zCgfyF`Le+q*t1EX_MYGO%hib7JQf`373o>zdYyFyuN"
        "QE_H|o`R8{sh-LI2@G6d(+q$bC!cTGAkTlAbF%!2<%t$Q?khCNKIFDJzwzPr`w9sh6P#K!{{FuS08cn5B>"
    ),
    "jp2_4_4": (
        "c-s5#|38qyhyeryfS8E^0Z{oY%#4h1^goD!2Pnn}6lP&y{2#->;-"
        "K(9g+Y~p(YYu!u_QG`A*oWqzaTZwE5OxVp)9qiI5R&_!AQ?k&*c9E1}?CHAwZ3j?<-"
        "v33|C2Vk7|rI)7kLp+<k=)^8BY2%ui%q2)q@t<F8L8P{br`T7#XT-"
        "q&r7mpuCW@_{0r%_pK?PR@I&GmGWE+{gX@Zvp@+z&k$"
    ),
    "jp2_8_1": (
        "c-s5#|38pHlK}(-fS8E^0Z{pj?2L^6gBW-~Oa=xP76!)uF$^pY4*ydaR2dkZi&7IyQd1O?Di!<-QuDk5T-"
        "_DQQj3Z+^Yavp^i1_k{!d`w0-K`;)HwNm!wb%E)mp(<PCAi~Ec<N=V^_7F_Mda4>Av0C)X>oS|2F~apC<t"
    ),
    "jp2_8_2": (
        "c-"
        "s5#|38pHhXDixfS8E^0Z{o&?2L>+^goD!2gqY&U|?ZkVEiA$z~bQWKZQY+fzi1rHL)Z$MIotD!M`9i&nv*yU7;+s"
        "s5mn}Pr*pfRL|u91O_g!QT{-UlkYdY;0#x-6@2BS6Zy!p-"
        "=;8jRqJX0IY*lA+pSFv4XwZ5@Ijvcv`WUN2N|!m{O0&gRu;BXm@UY)NyhALd12+u>Hlv60PjLIsQ"
    ),
    "jp2_8_3": (
        "c-"
        "s5#|38pHp8*5}fS8E^0Z{qO?2L>M^goD!2PnYE$iTwF!1zCgfyKe$e+q*t1EX_MYGO%hib7JQf`373o>zdYyFyuN"
        "QE_H|o`R8{sh-LI2@G6d(-MIiCm+9JCK~0CQ2NXHbQjyq<;ejjIp*-"
        "ldEDiHzKn5d=>3KZvJbg!&To9Usb>NM+Zpu^^(8+RcT4ztS!`v#->`yXf>Vpe-"
        ";{F<3<iCL|Lk2YTz!M=|K9`v@1i`e"
    ),
    "jp2_8_4": (
        "c-s5#|38qyhyeryfS8E^0Z{oY?2L?X^goD!2Pnn}6lP&y{2#-"
        ">;^6Q<g+Y~p(YYu!u_QG`A*oWqzaTZwE5OxVp)9qiI5R&_!AQ?k&*c9E1}?CH6Mz~g-"
        "*0%q8LnC@_{vEq@{wh~O=0Y+*3<rTjx^o3TbmjhT7SRcgFOFfm5fafGG1%>&GDP8ENrJRTaas$jM>}r!pfP`feK8"
        "*rnSue>u~Y&(})xW!P3cT-"
        "tA!)2hEQ>lFV@p4F%fZ*?c03fBoY#)?cLSW^*|d8hdT|dB#Kc^Q&v2p`rh80s#5GS0V"
    ),
    "jp2_9_1": (
        "c-s5#|38pHlK}(-fS8E^0Z{pj9E^<rgBW-~Oa=xP76!)uF$^pY9{*DqR2dkZi&7IyQd1O?Di!<-QuDk5T-"
        "_DQQj3Z+^Yavp^i1_k{!d`w0-Iw9)HwP6Oa{(y)mp(<PCAi~Ec<N=V^_7F_Mda4>Av0C)X>nl%u@INHvvYhCqe"
    ),
    "jp2_9_2": (
        "c-s5#|38pHhXDixfS8E^0Z{o&9E^-"
        "W^goD!2gqY&U|?ZkVEiA$z~bQXKZQY+fzi1rHL)Z$MIotD!M`9i&nv*yU7;+ss5mn}Pr*pfRL|u91O_g!QDH!hlk"
        "d-D;0#x-6@2BS6Zy!p-=;8jRqJX0IY*lA+pSFv4UNkzb-"
        "zDTK%W1!O2(!K8Lzec=J-uk7PeEEEy%S=#_Vl*Vdc!3zeVg#|K9`v5UVz="
    ),
    "jp2_9_3": (
        "c-"
        "s5#|38pHp8*5}fS8E^0Z{qO9E^+*^goD!2PnYE$iTwF!1zCgfyKe&e+q*t1EX_MYGO%hib7JQf`373o>zdYyFyuN"
        "QE_H|o`R8{sh-LI2@G6d)3SjYCm+9MB^u?BQ2NXHbQjyq<;ejjIp*-"
        "ldEDiHzKn5dn5+H$86RXHa@(BW_;6Ft1O~P<>K*D!ek|^m@b|LV%6O@8M%4WoCpacJwP^fJImf_Y&{z1+-"
        "qpg@H^{NkCQbPNO#pYMK`j"
    ),
    "jp2_9_4": (
        "c-s5#|38qyhyeryfS8E^0Z{oY9E^-`^goD!2Pnn}6lP&y{2#-"
        ">;^6T=g+Y~p(YYu!u_QG`A*oWqzaTZwE5OxVp)9qiI5R&_!AQ?k&*c9E1}?CH^MM*C-"
        "=E3A8LnC@_{vEq@{wh~O=0Y+*3<rTjx^o3Tbmjh8kbq>et)KbJpXBxj7<+RUTgWy@tdqHY^N|=kZY5S+1v8M%9%5"
        "Ni`bh26`6!hYnlDm;o|3~5h)6SrIXXV+rumlnjd*2nd2H7nv<|=_5GO~p3Nts_}4!^WBo<CZZ?-"
        "gp|RJNpJzODKfk&b8XEd+dPx5Nn*ihQTN3"
    ),
    "jp2_12_1": (
        "c-s5#|38pHlK}(-fS8E^0Z{pj+>DI>gBW-~Oa=xP76!)uF$^pY3I9_VR2dkZi&7IyQd1O?Di!<-QuDk5T-"
        "_DQQj3Z+^Yavp^i1_k{!d`w0-"
        "IwG)HwP6gB_gVs<nczoOB`|S@zo$#;&S4aW~jl$n0tPjG6DQsVeK=TxG|vHfP?!e``}iL+k(F1OU(PFKz"
    ),
    "jp2_12_2": (
        "c-"
        "s5#|38pHhXDixfS8E^0Z{o&+>DGs^goD!2gqY&U|?ZkVEiA$z~YebKZQY+fzi1rHL)Z$MIotD!M`9i&nv*yU7;+s"
        "s5mn}Pr*pfRL|u91O_g!Q3XJalkY#+!5OYvEBMMuC-RYHzfEE6s+tpbgN=pEo|ey;`R<ykvi{9gcKm8{<{kXEHZ?"
        "S~9;iW{|FlZRrUx0XwfyGzO;#4RQ<%-c8Im+xiB)q_*z(=y^_ouITgiOnMHkzmM_Q}?-vj^!tVS3"
    ),
    "jp2_12_3": (
        "c-"
        "s5#|38pHp8*5}fS8E^0Z{qO+>DG6^goD!2PnYE$iTwF!1zCgfyE)=e+q*t1EX_MYGO%hib7JQf`373o>zdYyFyuN"
        "QE_H|o`R8{sh-LI2@G6d(|Uj!Cm(+kBpT(AQ2NXHbQjyq<;ejjIU8Lf7Tx=6FfHxE+77m$8y&}bIF=v3%y4Se{Rb"
        ";#A9CBA-}rD-"
        "&jbdxGwL1cOMWcwmhkto*vi0FcTd}Ljiar`qhrFC`g9%cKj`3?;MAh=H{~1ygF#>6KYLdTSKlDVM$1EXtp@IQmUX"
        "OL<^KOB03PsD&j"
    ),
    "jp2_12_4": (
        "c-s5#|38qyhyeryfS8E^0Z{oY+>DHH^goD!2Pnn}6lP&y{2#-"
        ">;*jt^g+Y~p(YYu!u_QG`A*oWqzaTZwE5OxVp)9qiI5R&_!AQ?k&*c9E1}?CHmw_55-"
        "+!=!GhDS+@RgHJ<Ri;|o5I*tH7D){8w;5|EuS&--8EHZ{hO=o_|@jjJNR#HYG`OZP=h@GX_bsk4>DeB`OWd0tSoG"
        "&Fq?xjBx$x1tLCJz<-5=8HJ!S*lKIGsF1AIFv{v1Ju*W29TFdOe4i`T^jYv@tES;R@-5zGvb-wMLN9!lA7gybae;"
        "jk-T>Sgzqe7l-N~?f6c6c_Qh~i)W_>A=z>AKlm4uwX$daoKAD(8h)cFud76lC;w*5U`BGEcsde|0T1H1z*X0QD+-"
        "QU"
    ),
    "jp2_16_1": (
        "c-s5#|38pHlK}(-fS8E^0Z{pj{EUqMgBW-~Oa=xP76!)uF$^pY4gXUZR2dkZi&7IyQd1O?Di!<-QuDk5T-"
        "_DQQj3Z+^Yavp^i1_k{!d`w0-F;6)HwP6kBJ{R!&PeqUpeVSKC<k$DU4lJbK-"
        "8Wv5?u*@)<MVT~k%ozwzqr))@KeMZ3@Ve9sn|IQ`94dG^VE{t5rJBSS;u|K9`vgRMBU"
    ),
    "jp2_16_2": (
        "c-"
        "s5#|38pHhXDixfS8E^0Z{o&{EUo1^goD!2gqY&U|?ZkVEiA$z~a#GKZQY+fzi1rHL)Z$MIotD!M`9i&nv*yU7;+s"
        "s5mn}Pr*pfRL|u91O_g!QImigC*S`u@dIbLYOUZaC!NSgmi;z`v8!rM+zmDsGJ9G+W9GYSs>=E|UcKEKBR{=p_Zg"
        "q>*+LVizqu;UKH1Md;lFldXlOjh1bP0`DjAy|WW3h$o8vcGS=dftHV0=&(rhJG%}HU)cc0g5I(1Fs)CT5<UcoAB{"
        "mbXYvQFI_#NK&PgxB>*Xz2f&011j!p8"
    ),
    "jp2_16_3": (
        "c-"
        "s5#|38pHp8*5}fS8E^0Z{qO{EUnc^goD!2PnYE$iTwF!1zCgfyJTWe+q*t1EX_MYGO%hib7JQf`373o>zdYyFyuN"
        "QE_H|o`R8{sh-LI2@G6d)Aj*1PCovRr$98yA))k_^XV?Onah&{PI5N7L@c`Z*I-)Og|!`QK{q^v)Yw+HDyQXg-Dp"
        "VF?dZuk&{b1wz_V)o{T~x=$Ufw@IluAYrk)85Y-"
        "iLv)R+8N+%4hnWwDiktL~n*<r+s@jYr3XFZJm<FwNiIbuL=~D7UfY%i`_;d!Y6XjtNdJ8h=yHF)$eP75=k#wQ%(f"
        "a%{9bWY=ooerH+7%2gf)>K5)7mT~-^a#7UO<A44Cn*gbHXzu"
    ),
    "jp2_16_4": (
        "c-s5#|38qyhyeryfS8E^0Z{oY{EUon^goD!2Pnn}6lP&y{2#-"
        ">;?VFvg+Y~p(YYu!u_QG`A*oWqzaTZwE5OxVp)9qiI5R&_!AQ?k&*c9E1}>0!j1oYNlkfkS_<=KAwN~(zlTPF#%Y"
        "K`}*i|(r?gkqRnLRC^G4tIuRb~AfuikErk)K|)`;5=`Y@vzM-"
        "&~bvpX}$K@LxMJG&CM$f;|6em5fafGG1%>&GDP8ENrJRn}ahXX|@up=A^LYyU*)2ow}xRY6J5_uV9t6{^j#xS*Pv"
        "|V(+{t!s~h@H1z(DNem`o(^_W#b-"
        "4KXX+(;GVCm#E@AfdWuJdj0JX$|_y}0TY{NtDt=c33ful~G15?K8E=c7WNZAz<Ffn4F)d?Jc}{o^y%U!?11b2$_m"
        "?drX1Y^a<UUfDVCZBmfY-@bLXLl6Ee*WPpFeAz}#$-1+FA1Y0reB=L`t+i^^|C<2MWuFE"
    ),
    "jp2_signed": (
        "c-muNVBpCLP*C9IYUg5LU=T?wsVvAUFj4@r8KAT-kj?<oVwo8!ML?Pfhy@rJyV*f%82FR(bBY+jOhF*t2vnT>-"
        "~WFggC<x^0IC57Q2C7AjEw(-7<fQT1_l-u2FCv}3@i=_|5F%L85o_5QWHy3QxuXa75ocQ^SlCF-"
        "4)7Gi;6Sz^AwEqO!Z9uPhj8zn_~~uIQjmA9h~8+wSuplbRr*F_S+Q3uBth4H`rLn>}mOoneVQtD(l}|Wyh~JXWqe"
        "oYg0o*>;K;b0EUM>zW"
    ),
    "jp2_box": (
        "c-muNVBpCLP*C9IYUg5LU=T?wsVvAUFj4@r8KAT-kj?<oVwo8!ML?Pfhy@s!x!FN#82FR(bBY+jOaTT4Mi!vr<p2"
        "Kv0~z#TVqgt0fXZj)W@Ln*|3M5qKmkTZ1{M|u#{V%4EDj0(Qy5ek7@dn!6H8K46p|_x{0ma^yaHU^70ObJiZk=`6"
        "pZvt^-TUxVBi9q)&tZy`S_b4(I|(6(qGP}yVzzfPYyWA+2|6n=-"
        "yw0X=xYMcCZEA=s4EHvHbXDhEuEVKUg9AklW_`#)q4FCNQv_QSVS+@?&wgguj=?RtB!Rd)k(39Bnlo9TUFPr|WS4"
        "K?lbKrxuOBDd!j%4EhTH*}Gb}`UW{RS{|}%HE_SPtYhUW_y0Em+38?)"
    ),
    "jp2_lossy_alpha": (
        "c-s5#|38pHhXDixfS8E^0Z{o&+>DGs^goD!mywBqk%57Qg@K{te+&bwQv$>P6b4lWM(3i`#FEq$g``Ra|AN#!uK-"
        "tfg|gJ5;>`R!1tUFEJ(K?v7`VWO$ultipL|z>GhDS+@YP)zdH&NX8JiybzX<>&Paky"
    ),
}

ENCODED = {name: zlib.decompress(base64.b85decode(text)) for name, text in _PACKED.items()}
